/* Faults begin and end. */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include "sim.h"

void faults_plan(struct sim *s);
void faults_begin(struct sim *s, uint32_t i); /* EVENT_BEGIN */
void faults_end(struct sim *s, uint32_t i);   /* EVENT_END */

#endif
